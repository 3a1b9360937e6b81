#!/usr/bin/env bash
# nats-server 2.15.3 (JetStream, file storage), nats.go 1.55.0.
#
# A stream keeps the last message of a subject (max_msgs_per_subject 1) and refuses what it has seen
# (duplicate_window 2 minutes). A publisher sends "a", then "b" on one subject, each with its
# Nats-Msg-Id; the server is restarted (an orderly shutdown); and the publisher, which has not seen the
# answers, sends both again.
#
# Likely guess: for two minutes both are duplicates, restart or not, since the stream is on disk and the
#   window is part of its configuration. At worst both are taken again, and "b" is last.
# Behaviour: a restart builds the table of ids from the messages that are still stored. "a" had been
#   replaced by "b", so its id is forgotten: it is taken as new and replaces "b". The id "b" is known, so
#   "b" is dropped: the stream is left with the older of two values that came twice in the right order.
#   A stream that keeps every message knows both ids after a restart.
# Output seen:
#   one message a subject, no restart: a duplicate, b duplicate, last b
#   one message a subject, restarted: a taken as new, b duplicate, last a
#   every message kept, restarted: a duplicate, b duplicate, last b
#
# Needs go 1.26. Exit 0: still so; 1: it behaves otherwise now; another (2: no packages): not tried.
set -euo pipefail

folder=$(mktemp -d)
trap 'chmod -R u+w "$folder"; rm -rf "$folder"' EXIT
cd "$folder"

cat > main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	return value
}

type broker struct {
	server *server.Server
	conn   *nats.Conn
	js     jetstream.JetStream
}

// start runs a broker inside this process, without a port.
func start(store string) broker {
	s := must(server.NewServer(&server.Options{
		ServerName: "one", DontListen: true, JetStream: true, StoreDir: store, NoSigs: true,
	}))
	s.Start()
	if !s.ReadyForConnections(20 * time.Second) {
		must(0, fmt.Errorf("the server does not become ready"))
	}
	conn := must(nats.Connect("", nats.InProcessServer(s)))
	return broker{s, conn, must(jetstream.New(conn))}
}

func (b broker) stop() {
	b.conn.Close()
	b.server.Shutdown()
	b.server.WaitForShutdown()
}

func (b broker) publish(ctx context.Context, id string) string {
	ack := must(b.js.Publish(ctx, "state.x", []byte(id), jetstream.WithMsgID(id)))
	if ack.Duplicate {
		return "duplicate"
	}
	return "taken as new"
}

func try(ctx context.Context, name string, perSubject int64, restarts bool) {
	store := must(os.MkdirTemp(".", "store"))
	b := start(store)
	must(b.js.CreateStream(ctx, jetstream.StreamConfig{
		Name: "STATE", Subjects: []string{"state.>"}, Storage: jetstream.FileStorage,
		MaxMsgsPerSubject: perSubject, Duplicates: 2 * time.Minute,
	}))
	b.publish(ctx, "a")
	b.publish(ctx, "b")
	if restarts {
		b.stop()
		b = start(store)
	}
	first, second := b.publish(ctx, "a"), b.publish(ctx, "b")
	stream := must(b.js.Stream(ctx, "STATE"))
	last := must(stream.GetLastMsgForSubject(ctx, "state.x"))
	fmt.Printf("%s: a %s, b %s, last %s\n", name, first, second, last.Data)
	b.stop()
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	try(ctx, "one message a subject, no restart", 1, false)
	try(ctx, "one message a subject, restarted", 1, true)
	try(ctx, "every message kept, restarted", -1, true)
}
GO

{
  go mod init finding
  timeout 300 go get github.com/nats-io/nats-server/v2@v2.15.3 github.com/nats-io/nats.go@v1.55.0
  GOFLAGS=-mod=mod timeout 600 go build -o finding .
} > build.log 2>&1 || { tail -n 20 build.log >&2; exit 2; }
timeout 90 ./finding > seen

cat > expected <<'TXT'
one message a subject, no restart: a duplicate, b duplicate, last b
one message a subject, restarted: a taken as new, b duplicate, last a
every message kept, restarted: a duplicate, b duplicate, last b
TXT
cat seen
diff expected seen > changes || { echo "it behaves otherwise now (<: before, >: now):"; cat changes; exit 1; }
