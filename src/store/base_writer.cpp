#include "store/base_writer.h"

#include <algorithm>

#include "store/directory.h"

namespace callbook::store {

BaseWriter::BaseWriter(FileSystem& files, std::string dir, uint64_t number)
    : files_(files),
      dir_(std::move(dir)),
      id_{FileKind::kBase, number},
      temporary_path_(path_of(dir_, id_) + std::string(kTemporarySuffix)) {}

base::Result<std::unique_ptr<BaseWriter>> BaseWriter::create(FileSystem& files, std::string dir,
                                                             uint64_t number) {
  std::unique_ptr<BaseWriter> writer(new BaseWriter(files, std::move(dir), number));
  auto file = files.open_append(writer->temporary_path_, true);
  if (!file.ok()) return file.error();
  writer->file_ = std::move(file).value();
  std::string header;
  append_header(header, {writer->id_});
  const base::Status written = writer->write(header);
  if (!written.ok()) return written.error();
  return writer;
}

BaseWriter::~BaseWriter() {
  // A leftover would do no harm: open() removes it.
  if (file_) static_cast<void>(files_.remove(temporary_path_).ok());
}

base::Status BaseWriter::write(std::string_view bytes) {
  const base::Status written = file_->append(bytes);
  if (written.ok()) bytes_ += bytes.size();
  return written;
}

base::Status BaseWriter::append(const std::vector<Record>& records) {
  buffer_.clear();
  for (const Record& record : records) {
    append_record(buffer_, id_, bytes_ + buffer_.size(), record);
    highest_version_ = std::max(highest_version_, record.version);
  }
  count_ += records.size();
  return write(buffer_);
}

base::Status BaseWriter::finish() {
  buffer_.clear();
  append_footer(buffer_, id_, bytes_, highest_version_, count_);
  const base::Status written = write(buffer_);
  return written.ok() ? file_->sync() : written;
}

base::Status BaseWriter::publish() {
  const base::Status renamed = files_.rename(temporary_path_, path_of(dir_, id_));
  if (!renamed.ok()) return renamed;
  file_.reset();
  return files_.sync_directory(dir_);
}

}  // namespace callbook::store
