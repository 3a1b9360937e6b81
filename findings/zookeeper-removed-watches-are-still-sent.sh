#!/usr/bin/env bash
# Apache ZooKeeper 3.9.5 (server and Java client).
#
# A client puts a persistent watch on a node with addWatch(), and takes it back with removeWatches(path,
# watcher, WatcherType.Any, local=false): connected, so nothing asks for a removal at the client alone.
#
# Likely guess: the server forgets the watch, and sends no more events for the node.
# Behaviour: the request that the client sends only asks whether there is such a watch (checkWatches). The
#   client drops its watcher; the server keeps the watch for as long as the session lasts, and sends each
#   event, for which the client then has no watcher. removeAllWatches() does remove it.
# Output seen:
#   watched: the server watches true, 3 events sent, 3 seen
#   after removeWatches: the server watches true, 3 events sent, 0 seen
#   after removeAllWatches: the server watches false, 0 events sent, 0 seen
#
# Needs Java 17 and Maven 3.8. Exit 0: still so; 1: it behaves otherwise now; another (2: no packages): not tried.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat > pom.xml <<'POM'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>finding</groupId>
  <artifactId>finding</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.zookeeper</groupId>
      <artifactId>zookeeper</artifactId>
      <version>3.9.5</version>
      <exclusions>
        <exclusion><groupId>ch.qos.logback</groupId><artifactId>*</artifactId></exclusion>
      </exclusions>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>2.0.13</version>
    </dependency>
    <dependency>
      <groupId>io.dropwizard.metrics</groupId><artifactId>metrics-core</artifactId><version>4.1.12.1</version>
    </dependency>
    <dependency>
      <groupId>org.xerial.snappy</groupId><artifactId>snappy-java</artifactId><version>1.1.10.5</version>
    </dependency>
  </dependencies>
</project>
POM

cat > Finding.java <<'JAVA'
import java.io.File;
import java.net.InetSocketAddress;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.ZooDefs;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.server.ServerCnxn;
import org.apache.zookeeper.server.ServerCnxnFactory;
import org.apache.zookeeper.server.ZooKeeperServer;

class Finding {
  static ZooKeeperServer server;
  static ServerCnxnFactory factory;

  static ZooKeeper connect() throws Exception {
    CountDownLatch connected = new CountDownLatch(1);
    ZooKeeper client = new ZooKeeper("127.0.0.1:" + factory.getLocalPort(), 30_000, event -> {
      if (event.getState() == Watcher.Event.KeeperState.SyncConnected) connected.countDown();
    });
    connected.await();
    return client;
  }

  /** Packets that the server has sent to the client. It counts one a moment after it is sent. */
  static long sentTo(ZooKeeper client) throws Exception {
    long sent = -1;
    for (int quietMs = 0; quietMs < 500; quietMs += 10) {
      long now = countedFor(client);
      if (now != sent) quietMs = 0;
      sent = now;
      Thread.sleep(10);
    }
    return sent;
  }

  static long countedFor(ZooKeeper client) {
    for (ServerCnxn connection : factory.getConnections()) {
      if (connection.getSessionId() == client.getSessionId()) return connection.getPacketsSent();
    }
    throw new IllegalStateException("the client has no connection");
  }

  static void tell(String when, ZooKeeper client, ZooKeeper other, AtomicInteger seen) throws Exception {
    boolean watches = server.getZKDatabase().getDataTree().getWatchCount() > 0;
    int seenBefore = seen.get();
    long sentBefore = sentTo(client);
    for (int i = 0; i < 3; ++i) other.setData("/node", new byte[] {(byte) i}, -1);
    client.exists("/node", false);  // its answer comes behind the events, and is a packet more
    long events = sentTo(client) - sentBefore - 1;
    for (int i = 0; i < 100 && seen.get() - seenBefore < events; ++i) Thread.sleep(10);
    System.out.printf("%s: the server watches %b, %d events sent, %d seen%n", when, watches, events,
        seen.get() - seenBefore);
  }

  public static void main(String[] unused) throws Exception {
    File data = new File("data");
    server = new ZooKeeperServer(data, data, 2000);
    factory = ServerCnxnFactory.createFactory(new InetSocketAddress("127.0.0.1", 0), 10);
    factory.startup(server);

    ZooKeeper client = connect();
    ZooKeeper other = connect();
    AtomicInteger seen = new AtomicInteger();
    Watcher watcher = (WatchedEvent event) -> {
      if (event.getType() == Watcher.Event.EventType.NodeDataChanged) seen.incrementAndGet();
    };
    client.create("/node", new byte[0], ZooDefs.Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
    client.addWatch("/node", watcher, AddWatchMode.PERSISTENT);
    tell("watched", client, other, seen);
    client.removeWatches("/node", watcher, Watcher.WatcherType.Any, false);
    tell("after removeWatches", client, other, seen);
    client.addWatch("/node", watcher, AddWatchMode.PERSISTENT);
    client.removeAllWatches("/node", Watcher.WatcherType.Any, false);
    tell("after removeAllWatches", client, other, seen);
    System.exit(0);
  }
}
JAVA

timeout 300 mvn -q -B dependency:copy-dependencies -DoutputDirectory=lib -DincludeScope=runtime > build.log 2>&1 ||
  { tail -n 20 build.log >&2; exit 2; }
timeout 90 java -cp 'lib/*' Finding.java > seen 2> errors || { cat errors >&2; exit 3; }

cat > expected <<'TXT'
watched: the server watches true, 3 events sent, 3 seen
after removeWatches: the server watches true, 3 events sent, 0 seen
after removeAllWatches: the server watches false, 0 events sent, 0 seen
TXT
cat seen
diff expected seen > changes || { echo "it behaves otherwise now (<: before, >: now):"; cat changes; exit 1; }
