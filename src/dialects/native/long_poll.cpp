#include "dialects/native/long_poll.h"

namespace callbook::native {

LongPoll::LongPoll(core::Front& front, Ticking::List& list, Question question,
                   net::HttpExchange exchange)
    : Ticking(list), front_(front), question_(std::move(question)), exchange_(std::move(exchange)) {
  question_.scope.catalog->subscribe(question_.key, *this);
}

void LongPoll::start(core::Front& front, Ticking::List& list, Question question,
                     net::HttpExchange exchange) {
  new LongPoll(front, list, std::move(question), std::move(exchange));
}

void LongPoll::on_changed(uint32_t) {}

void LongPoll::on_publication() {
  const core::ServiceViewPtr& view = question_.scope.catalog->find(question_.key);
  if (view && view->digest == question_.digest) return;  // it changed and changed back
  answer();
}

void LongPoll::tick(int64_t now_ms) {
  if (exchange_.abandoned()) {
    delete this;
  } else if (now_ms >= question_.deadline_ms) {
    answer();
  }
}

void LongPoll::answer() {
  const std::unique_ptr<LongPoll> self(this);
  net::HttpResponse response;
  response.body = snapshot_json(question_.key, question_.scope.catalog->find(question_.key).get(),
                                question_.filter, question_.scope.origin(front_.now().mono_ms));
  exchange_.respond(std::move(response));
}

}  // namespace callbook::native
