#pragma once

#include <cstdint>
#include <string>

#include "core/published_catalog.h"
#include "net/http_server.h"

namespace callbook::native {

/// Every instance of the catalog, one JSON object a line, in pieces. Each piece shows the lists as
/// they are when it is sent: the export of a changing catalog is not of one moment.
class ExportStream final : public net::StreamSource {
 public:
  explicit ExportStream(core::PublishedCatalog& catalog) : catalog_(catalog) {}
  net::StreamPiece pull() override;

 private:
  core::PublishedCatalog& catalog_;
  uint32_t slot_ = 0;
  std::string after_;
};

}  // namespace callbook::native
