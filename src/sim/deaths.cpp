#include "sim/deaths.h"

namespace callbook::sim {

bool Deaths::in_plain_sight(const TrueProcess& process) const {
  const int64_t since_ms = process.ended_ms - kWellBeforeMs;
  return process.began_ms <= since_ms && process.ports_closed_ms == kNever &&
         process.ports_opened_ms <= since_ms &&
         evidence_.truth.stopped_until_ms(process.client) <= since_ms &&
         evidence_.conditions.calm_for(evidence_.now_ms() - since_ms);
}

}  // namespace callbook::sim
