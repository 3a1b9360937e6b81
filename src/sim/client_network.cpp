#include "sim/client_network.h"

#include <algorithm>
#include <utility>

#include "sim/node.h"

namespace callbook::sim {
namespace {

constexpr int64_t kConnectTimeoutMs = 3'000;
constexpr size_t kWindow = 16;
constexpr size_t kSlowWindow = 2;
/// A request that arrives after its client has given up is mostly cut off with its connection.
constexpr double kLateRequestCutOff = 0.7;
/// No connection holds a request back for longer.
constexpr int64_t kLongestRequestWaitMs = 30'000;

}  // namespace

ClientNetwork::ClientNetwork(Surroundings& around, Random random)
    : around_(around), random_(random) {}

std::vector<ClientId> ClientNetwork::known_clients() const {
  std::vector<ClientId> known;
  known.reserve(clients_.size());
  for (const auto& [client, machine] : clients_) known.push_back(client);
  return known;
}

std::vector<ClientId> ClientNetwork::watching_clients() const {
  std::vector<ClientId> watching;
  for (const auto& [id, stream] : streams_) {
    if (stream.watches && stream.sink) watching.push_back(stream.client);
  }
  std::sort(watching.begin(), watching.end());
  watching.erase(std::unique(watching.begin(), watching.end()), watching.end());
  return watching;
}

void ClientNetwork::wake(ClientId client) {
  clients_[client].up = true;
}

// --- Calls ---

void ClientNetwork::call(ClientId client, size_t node, core::Input input, core::Ack ack,
                         int64_t timeout_ms, std::function<void(Answer)> done) {
  wake(client);
  const uint64_t id = ++last_call_;
  calls_.emplace(id, Call{client, node, std::move(done)});
  around_.scheduler.after(timeout_ms, [this, id] { finish_call(id, std::nullopt); });
  Links::Order own;
  around_.links.send(end_of(client), Links::node(node), own,
                     [this, id, node, client, ack, sent_ms = around_.scheduler.now_ms(),
                      wanted = std::move(input)]() mutable {
                       if (around_.scheduler.now_ms() - sent_ms > kLongestRequestWaitMs) return;
                       arrive(id, node, client, std::move(wanted), ack);
                     });
}

void ClientNetwork::arrive(uint64_t call, size_t node, ClientId client, core::Input input,
                           core::Ack ack) {
  RegistryNode& target = *around_.nodes[node];
  if (!target.powered()) return;
  if (!calls_.contains(call) && random_.chance(kLateRequestCutOff)) return;
  if (!target.running()) return answer_call(call, node, client, std::nullopt);
  if (node < loses_requests_.size() && loses_requests_[node] > 0 &&
      random_.chance(loses_requests_[node])) {
    return;
  }
  target.reach(
      [this, call, node, client, ack, wanted = std::move(input)](NodeProcess& process) mutable {
        process.submit(std::move(wanted), ack,
                       [this, call, node, client](const base::Result<core::Reply>& reply) {
                         answer_call(call, node, client, reply);
                       });
      });
}

void ClientNetwork::answer_call(uint64_t call, size_t node, ClientId client, Answer answer) {
  Links::Order own;
  around_.links.send(Links::node(node), end_of(client), own,
                     [this, call, result = std::move(answer)] { finish_call(call, result); });
}

void ClientNetwork::finish_call(uint64_t call, const Answer& answer) {
  const auto waiting = calls_.find(call);
  if (waiting == calls_.end()) return;
  const int64_t stopped_ms = clients_[waiting->second.client].stopped_until_ms;
  if (around_.scheduler.now_ms() < stopped_ms) {
    return around_.scheduler.at(stopped_ms, [this, call, answer] { finish_call(call, answer); });
  }
  auto found = calls_.extract(call);
  if (!found.empty()) found.mapped().done(answer);
}

// --- Where clients listen ---

void ClientNetwork::listen(ClientId client, uint32_t process, const std::string& address,
                           uint16_t port) {
  machine_at_[address] = client;
  listening_[{address, port}] = process;
}

void ClientNetwork::stop_listening(uint32_t process, const std::string& address, uint16_t port) {
  const auto found = listening_.find({address, port});
  if (found != listening_.end() && found->second == process) listening_.erase(found);
}

void ClientNetwork::stop_listening(uint32_t process) {
  std::erase_if(listening_, [&](const auto& one) { return one.second == process; });
}

bool ClientNetwork::answers_at(const std::string& address, uint16_t port) const {
  const auto machine = machine_at_.find(address);
  if (machine == machine_at_.end()) return false;
  const auto known = clients_.find(machine->second);
  if (known != clients_.end() && !known->second.up) return false;
  if (known != clients_.end() && known->second.stopped_until_ms > around_.scheduler.now_ms()) {
    return false;
  }
  return listening_.contains({address, port});
}

/// One SYN, and what the machine's kernel says to it: it completes the handshake whatever the
/// process that listens is doing. A SYN that is lost is sent again after a second, when no probe
/// waits any more.
void ClientNetwork::probe(size_t node, uint64_t probe, const std::string& address, uint16_t port) {
  const auto machine = machine_at_.find(address);
  if (machine == machine_at_.end()) return;
  const ClientId client = machine->second;
  around_.links.send_datagram(
      Links::node(node), end_of(client), [this, node, probe, client, place = Place(address, port)] {
        if (!clients_[client].up) return;
        const bool listens = listening_.contains(place);
        around_.links.send_datagram(
            end_of(client), Links::node(node), [this, node, probe, listens] {
              around_.nodes[node]->reach([probe, listens](NodeProcess& process) {
                process.probe_answered(probe, listens);
              });
            });
      });
}

// --- Streams: the client's side ---

StreamId ClientNetwork::connect(ClientId client, size_t node, bool watches,
                                std::shared_ptr<StreamSink> sink,
                                base::UniqueFunction<void(NodeProcess&, StreamId)> request) {
  wake(client);
  const StreamId id = ++last_stream_;
  Stream& stream = streams_[id];
  stream.client = client;
  stream.node = node;
  stream.watches = watches;
  stream.sink = std::move(sink);
  around_.scheduler.after(kConnectTimeoutMs, [this, id] { give_up_connecting(id); });
  around_.links.send(end_of(client), Links::node(node), stream.to_node,
                     [this, id, asked = std::move(request)]() mutable {
                       request_arrives(
                           id, [id, asked = std::move(asked)](NodeProcess& process) mutable {
                             asked(process, id);
                           });
                     });
  return id;
}

StreamId ClientNetwork::attach(ClientId client, size_t node, core::AttachSession session,
                               std::shared_ptr<StreamSink> sink) {
  return connect(client, node, false, std::move(sink),
                 [session](NodeProcess& process, StreamId stream) {
                   process.streams().attach(stream, session);
                 });
}

StreamId ClientNetwork::watch(ClientId client, size_t node, WatchRequest request,
                              std::shared_ptr<StreamSink> sink) {
  return connect(client, node, true, std::move(sink),
                 [wanted = std::move(request)](NodeProcess& process, StreamId stream) {
                   process.streams().watch(stream, wanted);
                 });
}

void ClientNetwork::request_arrives(StreamId stream, Request request) {
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return;
  RegistryNode& target = *around_.nodes[found->second.node];
  if (!target.powered()) return;
  if (!target.running()) return write_end(stream, std::nullopt);
  target.reach(std::move(request));
}

void ClientNetwork::give_up_connecting(StreamId stream) {
  const auto found = streams_.find(stream);
  if (found == streams_.end() || found->second.opened || !found->second.sink) return;
  const int64_t stopped_ms = clients_[found->second.client].stopped_until_ms;
  if (around_.scheduler.now_ms() < stopped_ms) {
    return around_.scheduler.at(stopped_ms, [this, stream] { give_up_connecting(stream); });
  }
  const std::shared_ptr<StreamSink> sink = found->second.sink;
  close_client_end(stream);
  sink->closed(std::nullopt);
}

void ClientNetwork::hang_up(StreamId stream) {
  close_client_end(stream);
}

void ClientNetwork::close_client_end(StreamId stream) {
  const auto found = streams_.find(stream);
  if (found == streams_.end() || !found->second.sink) return;
  found->second.sink.reset();
  send_fin(stream);
}

void ClientNetwork::send_fin(StreamId stream) {
  Stream& ended = streams_[stream];
  around_.links.send(end_of(ended.client), Links::node(ended.node), ended.to_node,
                     [this, stream, node = ended.node] {
                       streams_.erase(stream);
                       around_.nodes[node]->reach(
                           [stream](NodeProcess& process) { process.streams().hung_up(stream); });
                     });
}

void ClientNetwork::client_died(ClientId client, bool with_machine) {
  std::erase_if(calls_, [&](const auto& one) { return one.second.client == client; });
  if (with_machine) {
    Machine& machine = clients_[client];
    machine.up = false;
    machine.down_since_ms = around_.scheduler.now_ms();
  }
  for (auto& [id, stream] : streams_) {
    if (stream.client != client || !stream.sink) continue;
    stream.sink.reset();
    if (with_machine) {
      stream.reset = true;
    } else {
      send_fin(id);
    }
  }
}

// --- Streams: the node's side ---

template <typename Read>
void ClientNetwork::to_client(StreamId stream, Read read) {
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return;
  Stream& to = found->second;
  around_.links.send(
      Links::node(to.node), end_of(to.client), to.to_client,
      [this, stream, read = std::move(read)]() mutable { read_in_turn(stream, std::move(read)); });
}

template <typename Read>
void ClientNetwork::read_in_turn(StreamId stream, Read read) {
  const auto found = streams_.find(stream);
  if (found == streams_.end() || !found->second.sink) return;
  Stream& from = found->second;
  const int64_t now_ms = around_.scheduler.now_ms();
  const int64_t takes_ms = from.watches ? clients_[from.client].read_takes_ms : 0;
  const int64_t stopped_ms = clients_[from.client].stopped_until_ms;
  const int64_t at_ms = std::max({now_ms, from.read_until_ms, stopped_ms}) + takes_ms;
  // What is to be read at this very moment was sent before.
  if (from.read_until_ms < now_ms && at_ms == now_ms) return read(from);
  from.read_until_ms = at_ms;
  around_.scheduler.at(at_ms, [this, stream, later = std::move(read)]() mutable {
    const auto still = streams_.find(stream);
    if (still != streams_.end() && still->second.sink) later(still->second);
  });
}

void ClientNetwork::write_opened(StreamId stream) {
  to_client(stream, [](Stream& at) {
    at.opened = true;
    const std::shared_ptr<StreamSink> sink = at.sink;
    sink->opened();
  });
}

void ClientNetwork::write_alive(StreamId stream) {
  to_client(stream, [](Stream& at) {
    const std::shared_ptr<StreamSink> sink = at.sink;
    sink->alive();
  });
}

void ClientNetwork::write_event(StreamId stream, WatchEvent event,
                                std::optional<std::pair<uint64_t, uint64_t>> id) {
  to_client(stream, [this, stream, id, event = std::move(event)](Stream& at) mutable {
    const std::shared_ptr<StreamSink> sink = at.sink;
    around_.links.send(
        end_of(at.client), Links::node(at.node), at.to_node, [this, stream, node = at.node] {
          around_.nodes[node]->reach(
              [stream](NodeProcess& process) { process.streams().event_read(stream); });
        });
    sink->event(std::move(event), id);
  });
}

void ClientNetwork::write_end(StreamId stream, std::optional<base::Error> error) {
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return;
  Stream& ended = found->second;
  if (!ended.sink) {
    streams_.erase(found);
    return;
  }
  const auto close = [this, stream, error](Stream& at) {
    const std::shared_ptr<StreamSink> sink = std::move(at.sink);
    streams_.erase(stream);
    sink->closed(error);
  };
  if (error) return to_client(stream, close);
  // A reset is sent once: where it can't pass it is lost, and the client hears nothing more. It
  // overtakes what the client has not read yet, which is thrown away.
  if (!around_.links.up(Links::node(ended.node), end_of(ended.client))) return;
  around_.links.send(Links::node(ended.node), end_of(ended.client), ended.to_client,
                     [this, stream, close] {
                       const auto still = streams_.find(stream);
                       if (still != streams_.end() && still->second.sink) close(still->second);
                     });
}

int64_t ClientNetwork::unacknowledged_ms(StreamId stream) {
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return kReset;
  const Stream& to = found->second;
  const Endpoint node = Links::node(to.node);
  const Endpoint client = end_of(to.client);
  const int64_t dead_ms =
      std::max(around_.links.dead_for_ms(node, client), around_.links.dead_for_ms(client, node));
  const Machine& machine = clients_[to.client];
  if (!machine.up) return std::max(dead_ms, around_.scheduler.now_ms() - machine.down_since_ms);
  return to.reset && dead_ms == 0 ? kReset : dead_ms;
}

size_t ClientNetwork::window(StreamId stream) {
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return kWindow;
  return clients_[found->second.client].read_takes_ms > 0 ? kSlowWindow : kWindow;
}

void ClientNetwork::node_died(size_t node, bool machine_is_up) {
  if (machine_is_up) {
    for (const auto& [id, call] : calls_) {
      const bool reaches = around_.links.up(Links::node(node), end_of(call.client));
      if (call.node == node && reaches) answer_call(id, node, call.client, std::nullopt);
    }
  }
  std::vector<StreamId> broken;
  for (const auto& [id, stream] : streams_) {
    if (stream.node == node && (machine_is_up || !stream.sink)) broken.push_back(id);
  }
  for (const StreamId id : broken) write_end(id, std::nullopt);
}

}  // namespace callbook::sim
