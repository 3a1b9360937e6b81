#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/input.h"

namespace callbook::native {

struct SessionBody {
  int64_t ttl_ms = 0;
  std::string client;
  std::optional<core::SessionId> resume;
  uint32_t epoch = 0;  ///< of `resume`: the last one that the client was told
  bool speaks = false;
  std::string process;
};

struct RegistrationBody {
  core::Registration registration;
  std::optional<core::ProviderState> status;
};

struct StatusBody {
  core::ProviderState status = core::ProviderState::kUp;
  std::string text;
};

struct OverrideBody {
  std::optional<uint32_t> weight;
  bool out_of_service = false;
  std::string by;
  std::string reason;
};

struct WatchBody {
  struct Item {
    core::ServiceKey key;
    std::optional<uint64_t> digest;
  };
  std::vector<Item> items;
};

/// Reads the native API's JSON. Everything is typed and ranged; unknown and doubled fields are
/// refused; an error names the field. Bytes must be followed by net::kBodyPadding readable ones.
/// Reused from request to request; not thread-safe.
class JsonInput {
 public:
  JsonInput();
  ~JsonInput();
  JsonInput(const JsonInput&) = delete;
  JsonInput& operator=(const JsonInput&) = delete;

  base::Result<SessionBody> session(std::string_view text);
  base::Result<RegistrationBody> registration(std::string_view text);
  base::Result<StatusBody> status(std::string_view text);
  base::Result<OverrideBody> override_body(std::string_view text);
  /// One line of a batch. `new_session` is not among its operations.
  base::Result<core::Input> operation(std::string_view line);
  base::Result<WatchBody> watch(std::string_view text, std::string_view default_namespace);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace callbook::native
