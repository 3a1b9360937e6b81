// Registers itself as an instance of "greeter", calls an instance of "greeter", and leaves.
//
//     discover 127.0.0.1:7070

#include <iostream>
#include <stdexcept>

#include <callbook/call.h>
#include <callbook/client.h>
#include <callbook/version.h>

int main(int argc, char** argv) try {
  callbook::Client client({.registry = argc > 1 ? argv[1] : "127.0.0.1:7070"});
  callbook::Service greeter = client.service("greeter");
  callbook::Registration registration =
      client.register_instance({.service = "greeter", .instance = {.port = 8080}});

  // Waits until there is somebody to call, which here is this program itself.
  const auto result = callbook::call(
      greeter, {}, [](const callbook::Pick& pick, std::chrono::milliseconds timeout) {
        std::cout << "callbook " << callbook::version() << ": here I would call " << pick.id()
                  << " at " << pick.endpoint() << ", for " << timeout.count() << " ms at most\n";
        return callbook::Outcome::kAnswered;
      });
  if (!result) {
    std::cerr << result.error << "; " << registration.trouble() << '\n';
    return 1;
  }
} catch (const std::invalid_argument& fault) {
  std::cerr << fault.what() << '\n';
  return 2;
}
