#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "sim/client_end.h"
#include "sim/client_port.h"
#include "sim/random.h"
#include "sim/surroundings.h"

namespace callbook::sim {

/// The clients' machines and their connections to the nodes: ClientPort for those who live on them,
/// ClientEnd for the nodes. Calls have a connection each; so does every stream.
class ClientNetwork final : public ClientPort, public ClientEnd {
 public:
  ClientNetwork(Surroundings& around, Random random);

  size_t node_count() const override { return around_.nodes.size(); }
  void call(ClientId client, size_t node, core::Input input, core::Ack ack, int64_t timeout_ms,
            std::function<void(Answer)> done) override;
  StreamId attach(ClientId client, size_t node, core::AttachSession session,
                  std::shared_ptr<StreamSink> sink) override;
  StreamId watch(ClientId client, size_t node, WatchRequest request,
                 std::shared_ptr<StreamSink> sink) override;
  void listen(ClientId client, uint32_t process, const std::string& address,
              uint16_t port) override;
  void stop_listening(uint32_t process, const std::string& address, uint16_t port) override;
  void stop_listening(uint32_t process) override;
  bool answers_at(const std::string& address, uint16_t port) const override;
  void stop_reading_until(ClientId client, int64_t until_ms) override {
    clients_[client].stopped_until_ms = until_ms;
  }
  void hang_up(StreamId stream) override;
  void client_died(ClientId client, bool with_machine) override;

  void write_opened(StreamId stream) override;
  void write_alive(StreamId stream) override;
  void write_event(StreamId stream, WatchEvent event,
                   std::optional<std::pair<uint64_t, uint64_t>> id) override;
  void write_end(StreamId stream, std::optional<base::Error> error) override;
  int64_t unacknowledged_ms(StreamId stream) override;
  size_t window(StreamId stream) override;
  void probe(size_t node, uint64_t probe, const std::string& address, uint16_t port) override;
  void node_died(size_t node, bool machine_is_up) override;

  /// Those that have ever sent anything, in ascending order.
  std::vector<ClientId> known_clients() const;
  /// Those with a watch stream now, in ascending order.
  std::vector<ClientId> watching_clients() const;
  /// Until lose_requests(node, 0), so many of the calls to the node are answered with nothing.
  void lose_requests(size_t node, double share) {
    loses_requests_.resize(node_count());
    loses_requests_[node] = share;
  }
  /// Until slow_down(client, 0), the client takes so long to read each event.
  void slow_down(ClientId client, int64_t per_event_ms) {
    clients_[client].read_takes_ms = per_event_ms;
  }

 private:
  struct Machine {
    bool up = true;
    int64_t down_since_ms = 0;
    int64_t read_takes_ms = 0;
    int64_t stopped_until_ms = 0;  ///< its process is
  };
  using Place = std::pair<std::string, uint16_t>;  ///< address and port
  struct Call {
    ClientId client = 0;
    size_t node = 0;
    std::function<void(Answer)> done;
  };
  /// Kept until both ends have forgotten it.
  struct Stream {
    ClientId client = 0;
    size_t node = 0;
    bool watches = false;
    bool opened = false;
    bool reset = false;                ///< the client's end went without a word
    std::shared_ptr<StreamSink> sink;  ///< null: the client's end is gone
    Links::Order to_node;
    Links::Order to_client;
    int64_t read_until_ms = 0;  ///< the client is busy reading what came before
  };
  using Request = base::UniqueFunction<void(NodeProcess&)>;

  Endpoint end_of(ClientId client) const { return around_.links.client(client); }
  void wake(ClientId client);
  void arrive(uint64_t call, size_t node, ClientId client, core::Input input, core::Ack ack);
  void finish_call(uint64_t call, const Answer& answer);
  void answer_call(uint64_t call, size_t node, ClientId client, Answer answer);

  StreamId connect(ClientId client, size_t node, bool watches, std::shared_ptr<StreamSink> sink,
                   base::UniqueFunction<void(NodeProcess&, StreamId)> request);
  void request_arrives(StreamId stream, Request request);
  void give_up_connecting(StreamId stream);
  void close_client_end(StreamId stream);
  void send_fin(StreamId stream);
  template <typename Read>
  void to_client(StreamId stream, Read read);
  template <typename Read>
  void read_in_turn(StreamId stream, Read read);

  Surroundings& around_;
  Random random_;
  std::map<ClientId, Machine> clients_;
  std::map<std::string, ClientId, std::less<>> machine_at_;  ///< by address
  std::map<Place, uint32_t> listening_;                      ///< which process
  std::vector<double> loses_requests_;                       ///< by node: so many are lost
  std::map<uint64_t, Call> calls_;
  std::map<StreamId, Stream> streams_;
  uint64_t last_call_ = 0;
  StreamId last_stream_ = 0;
};

}  // namespace callbook::sim
