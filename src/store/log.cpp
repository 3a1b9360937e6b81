#include "store/log.h"

#include "store/log_impl.h"
#include "store/salvage.h"

namespace callbook::store {
namespace {

base::Result<RecoveredLog> recover(FileSystem& files, const std::string& dir, bool may_salvage,
                                   base::Logger& logger, const Log::OnRecord& on_record,
                                   RecoveryReport& report) {
  auto log = Recovery(files, dir, logger, on_record, report).run();
  if (log.ok() || !may_salvage || report.damages.empty()) return log;
  // Records that were passed on already come again, which the highest version makes harmless.
  const Damage first = report.damages.front();
  report = RecoveryReport();
  log = salvage(files, dir, logger, on_record, report);
  // Salvage looks at each file by itself and may find nothing where two do not fit together.
  if (report.damages.empty()) report.damages.push_back(first);
  return log;
}

}  // namespace

base::Result<std::unique_ptr<Log>> Log::open(FileSystem& files, std::string dir, LogOptions options,
                                             base::Logger& logger, const OnRecord& on_record,
                                             RecoveryReport* report) {
  RecoveryReport found;
  RecoveryReport& filled = report != nullptr ? *report : found;
  filled = RecoveryReport();
  const base::Status created = files.create_directories(dir);
  if (!created.ok()) return created.error();
  auto lock = files.lock(dir);
  if (!lock.ok()) return lock.error();
  const auto log = recover(files, dir, options.salvage, logger, on_record, filled);
  if (!log.ok()) return log.error();
  auto impl =
      std::make_unique<Impl>(files, std::move(dir), options, logger, std::move(lock).value());
  if (!filled.damages.empty()) impl->note_salvaged();
  const base::Status started = impl->start(log.value());
  if (!started.ok()) return started.error();
  return std::unique_ptr<Log>(new Log(std::move(impl)));
}

Log::Log(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Log::~Log() = default;

base::Result<Position> Log::append(const std::vector<Record>& records) {
  return impl_->append(records);
}
Position Log::end() const {
  return impl_->end();
}
Position Log::durable() const {
  return impl_->durable();
}
std::unique_ptr<Log::SyncJob> Log::begin_sync() {
  return impl_->begin_sync();
}
base::Status Log::finish_sync(std::unique_ptr<SyncJob> job) {
  return impl_->finish_sync(std::move(job));
}
const std::string& Log::degraded() const {
  return impl_->degraded();
}
bool Log::rewrite_due() const {
  return impl_->rewrite_due();
}
bool Log::rewriting() const {
  return impl_->rewriting();
}
base::Status Log::begin_rewrite() {
  return impl_->begin_rewrite();
}
base::Status Log::rewrite_append(const std::vector<Record>& records) {
  return impl_->rewrite_append(records);
}
std::unique_ptr<Log::RewriteJob> Log::seal_rewrite() {
  return impl_->seal_rewrite();
}
base::Status Log::finish_rewrite(std::unique_ptr<RewriteJob> job) {
  return impl_->finish_rewrite(std::move(job));
}
void Log::abandon_rewrite() {
  impl_->abandon_rewrite();
}
Log::Stats Log::stats() const {
  return impl_->stats();
}

}  // namespace callbook::store
