#include "net/probe_talk.h"

#include <cerrno>
#include <system_error>

namespace callbook::net {
namespace {

std::string message_of(int error) {
  return std::error_code(error, std::generic_category()).message();
}

}  // namespace

ProbeVerdict unconnected(int error) {
  switch (error) {
    case ECONNREFUSED:
      return {ProbeOutcome::kRefused, 0, "connection refused"};
    case ETIMEDOUT:
      return {ProbeOutcome::kSilent, 0, "no answer"};
    case EHOSTUNREACH:
      return {ProbeOutcome::kSilent, 0, "no route to host"};
    default:
      return {ProbeOutcome::kUntested, 0, "not asked: " + message_of(error)};
  }
}

ProbeVerdict broken_off(int error) {
  switch (error) {
    case ETIMEDOUT:
    case EHOSTUNREACH:
      return {ProbeOutcome::kSilent, 0, "the connection went silent: " + message_of(error)};
    case ENOBUFS:
    case ENOMEM:
      return {ProbeOutcome::kUntested, 0, "not asked: " + message_of(error)};
    default:
      return {ProbeOutcome::kFailed, 0, "connection broken off: " + message_of(error)};
  }
}

}  // namespace callbook::net
