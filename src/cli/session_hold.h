#pragma once

#include "cli/hold.h"
#include "sdk/registration_keeper.h"

namespace callbook::cli {

/// Holds an instance through a session.
class SessionHold final : public Hold, private sdk::RegistrationKeeper::Owner {
 public:
  /// Begins at once. Borrows `loop` and `owner`.
  SessionHold(net::EventLoop& loop, sdk::RegistrationKeeper::Options options, Hold::Owner& owner);

  void stop() override { keeper_.stop(); }
  bool finished() const override { return keeper_.finished(); }

 private:
  void on_registered() override { owner_.on_registered(); }
  void on_trouble(const base::Error& error) override { owner_.on_trouble(error); }
  void on_finished(const base::Status& status) override { owner_.on_finished(status); }

  Hold::Owner& owner_;
  sdk::RegistrationKeeper keeper_;
};

}  // namespace callbook::cli
