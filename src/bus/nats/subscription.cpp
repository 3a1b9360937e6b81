#include "bus/nats/subscription.h"

#include <mutex>
#include <utility>

namespace callbook::bus::nats {

/// Between the library's thread, which may still hold a message when everything here is gone, and
/// the function. Lives until both have let go of it.
struct Subscription::Route {
  std::mutex mutex;
  OnMessage on_message;
};

std::string new_inbox() {
  natsInbox* inbox = nullptr;
  if (natsInbox_Create(&inbox) != NATS_OK) return {};
  std::string subject(inbox);
  natsInbox_Destroy(inbox);
  return subject;
}

base::Error failure(std::string_view what, natsStatus status) {
  return {base::ErrorCode::kIo, "bus", std::string(what) + ": " + natsStatus_GetText(status),
          std::nullopt};
}

Subscription::Subscription(natsSubscription* handle, std::shared_ptr<Route> route)
    : handle_(handle), route_(std::move(route)) {}

base::Result<std::unique_ptr<Subscription>> Subscription::make(natsConnection* connection,
                                                               const std::string& subject,
                                                               OnMessage on_message,
                                                               bool unbounded) {
  auto route = std::make_shared<Route>();
  route->on_message = std::move(on_message);
  auto* const for_library = new std::shared_ptr<Route>(route);
  natsSubscription* handle = nullptr;
  const natsStatus status =
      natsConnection_Subscribe(&handle, connection, subject.c_str(), &deliver, for_library);
  if (status != NATS_OK) {
    delete for_library;
    return failure("subscribing to " + subject, status);
  }
  // If the connection has been closed meanwhile this is refused, and some bytes are never freed:
  // nobody can say whether the library's thread is through with them.
  static_cast<void>(natsSubscription_SetOnCompleteCB(
      handle, [](void* shared) { delete static_cast<std::shared_ptr<Route>*>(shared); },
      for_library));
  if (unbounded) static_cast<void>(natsSubscription_SetPendingLimits(handle, -1, -1));
  return std::unique_ptr<Subscription>(new Subscription(handle, std::move(route)));
}

Subscription::~Subscription() {
  {
    const std::lock_guard lock(route_->mutex);
    route_->on_message = nullptr;
  }
  natsSubscription_Destroy(handle_);
}

void Subscription::deliver(natsConnection*, natsSubscription*, natsMsg* message, void* route) {
  const MessageHandle owned(message);
  // The library keeps its own share until the subscription's thread has ended.
  Route& to = **static_cast<std::shared_ptr<Route>*>(route);
  const std::lock_guard lock(to.mutex);
  if (to.on_message) to.on_message(message);
}

}  // namespace callbook::bus::nats
