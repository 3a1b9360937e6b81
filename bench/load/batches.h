#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "load/instance_texts.h"
#include "load/request_loop.h"

namespace callbook::load {

/// A catalog to be made with POST /v1/batch: instance i is in service i % services and belongs to
/// session i / (instances / sessions). 1,000 registrations a request, 4 connections, one at a time.
struct BatchPlan {
  uint16_t port = 0;
  uint64_t first = 0;  ///< the sequence of the first instance
  uint64_t instances = 0;
  uint64_t services = 1;
  InstanceSize size;
};

/// Registers them all; fails the program if any line is not answered with 201. Operations of the
/// result are instances.
LoopResult register_in_batches(const BatchPlan& plan, const std::vector<std::string>& sessions,
                               const Process* server, const Deadline& deadline);

/// The body of one batch: `count` registrations from `first` on, all of one session and service.
std::string batch_request(const InstanceTexts& texts, uint64_t first, uint64_t count,
                          uint64_t service, const std::string& session);

/// How often `needle` stands in `text`.
size_t count_of(std::string_view text, std::string_view needle);

}  // namespace callbook::load
