// What the registry notes for the log of what it does of its own accord.

#include "core/registry.h"

namespace callbook::core {
namespace {

void name_instance(Incident::Named& named, const Service& service, const Instance& instance) {
  named.instance = {ServiceKey(service.key()), std::string(instance.id())};
  named.address = instance.address();
  named.port = instance.port();
}

void name_session(Incident::Named& named, const Session& session) {
  named.session = session.id;
  named.client = session.client;
}

}  // namespace

/// Call before it is taken out. Says nothing of one that is not in the list.
void Registry::note_removed(const Instance& instance, Cause cause, Outputs& out) const {
  if (options_.mirror) return;
  const Service& service = *catalog_.at(instance.service);
  if (service.find_live(instance.id()) != &instance) return;
  out.incidents.add(Incident::Kind::kRemoved, cause, service.key(), [&](Incident::Named& named) {
    name_instance(named, service, instance);
    if (instance.holder_kind() != HolderKind::kSession) return;
    name_session(named, sessions_.at(instance.holder_slot));
  });
}

/// Call before the session ends: its instances go with it.
void Registry::note_ended(const Session& session, Cause cause, Outputs& out) const {
  if (options_.mirror) return;
  for (const Instance* instance : session.instances) note_removed(*instance, cause, out);
  if (!session.instances.empty() || session.state != Session::State::kOpen) return;
  out.incidents.add(Incident::Kind::kSessionEnded, cause, {},
                    [&](Incident::Named& named) { name_session(named, session); });
}

void Registry::note_taken_over(ServiceKeyView service, std::string_view id, const Session& from,
                               const Session& heir, Outputs& out) {
  out.incidents.add(Incident::Kind::kTakenOver, Cause::kRegistered, service,
                    [&](Incident::Named& named) {
                      named.instance = {ServiceKey(service), std::string(id)};
                      name_session(named, from);
                      named.heir = heir.id;
                      named.heir_client = heir.client;
                    });
}

/// `home`: the node that was lost.
void Registry::note_inherited(const Session& session, NodeId home, Outputs& out) const {
  out.incidents.add(Incident::Kind::kInherited, Cause::kHomeLost, {}, [&](Incident::Named& named) {
    name_session(named, session);
    named.instances = static_cast<uint32_t>(session.instances.size());
    named.lost_node = name_of_node(home);
  });
}

void Registry::note_inherited(const Instance& instance, NodeId home, Outputs& out) const {
  const Service& service = *catalog_.at(instance.service);
  out.incidents.add(Incident::Kind::kInherited, Cause::kHomeLost, service.key(),
                    [&](Incident::Named& named) {
                      name_instance(named, service, instance);
                      named.lost_node = name_of_node(home);
                    });
}

}  // namespace callbook::core
