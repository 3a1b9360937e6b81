#pragma once

#include "base/result.h"

namespace callbook::cli {

/// What keeps an instance registered: a session, or heartbeats and looks of its own. Loop's thread
/// only.
class Hold {
 public:
  /// Must not destroy the hold within a call.
  class Owner {
   public:
    virtual ~Owner() = default;
    /// It is registered; again after each trouble.
    virtual void on_registered() = 0;
    /// Something stands in the way; the hold goes on trying.
    virtual void on_trouble(const base::Error& error) = 0;
    /// The last call. ok: stopped. kSuperseded: another process has the id. kConflict on "id": one
    /// that lives held it before. kInvalid, kLimit, kConflict: the registry refuses what is
    /// announced. Anything else: stopped, but the instance could not be taken out.
    virtual void on_finished(const base::Status& status) = 0;
  };

  virtual ~Hold() = default;
  /// Takes the instance out; ends with on_finished() within a few seconds.
  virtual void stop() = 0;
  virtual bool finished() const = 0;
};

}  // namespace callbook::cli
