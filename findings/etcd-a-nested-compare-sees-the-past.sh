#!/usr/bin/env bash
# etcd 3.7.3 (server and clientv3).
#
# A transaction puts a key and then holds another transaction that compares that key: first
# "put stock=0", then "if stock = 0, take the one branch, else the other".
#
# Likely guess: operations run in order, and each sees those before it, as a read at the same place does.
# Behaviour: a read there sees the put, the compare does not. Every compare, however deep, is decided on
#   the state before the transaction; only then anything is written.
# Output seen, where stock was 5:
#   a read behind the put: 0
#   compare behind the put, stock = 0: false
#   compare behind the put, stock = 5: true
#   left in the store: 0
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
	"net/url"
	"os"
	"time"

	"go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
)

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	return value
}

// start runs one member inside this process; its ports, chosen by the system, are not used.
func start() (*embed.Etcd, *clientv3.Client) {
	config := embed.NewConfig()
	config.Dir, config.LogLevel = "data", "fatal"
	anywhere := []url.URL{*must(url.Parse("http://127.0.0.1:0"))}
	config.ListenPeerUrls, config.ListenClientUrls = anywhere, anywhere
	config.AdvertisePeerUrls, config.AdvertiseClientUrls = anywhere, anywhere
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	etcd := must(embed.StartEtcd(config))
	select {
	case <-etcd.Server.ReadyNotify():
	case <-time.After(20 * time.Second):
		must(0, fmt.Errorf("the server does not become ready"))
	}
	return etcd, v3client.New(etcd.Server)
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	etcd, client := start()
	defer etcd.Close()

	// behind puts stock=0 where it was 5, and does one more thing in the same transaction.
	behind := func(then clientv3.Op) *clientv3.TxnResponse {
		must(client.Put(ctx, "stock", "5"))
		return must(client.Txn(ctx).Then(clientv3.OpPut("stock", "0"), then).Commit())
	}
	compare := func(value string) bool {
		equal := clientv3.Compare(clientv3.Value("stock"), "=", value)
		nested := clientv3.OpTxn([]clientv3.Cmp{equal}, nil, nil)
		return behind(nested).Responses[1].GetResponseTxn().Succeeded
	}
	read := behind(clientv3.OpGet("stock")).Responses[1].GetResponseRange()
	fmt.Printf("a read behind the put: %s\n", read.Kvs[0].Value)
	fmt.Printf("compare behind the put, stock = 0: %v\n", compare("0"))
	fmt.Printf("compare behind the put, stock = 5: %v\n", compare("5"))
	fmt.Printf("left in the store: %s\n", must(client.Get(ctx, "stock")).Kvs[0].Value)
}
GO

{
  go mod init finding
  timeout 300 go get go.etcd.io/etcd/server/v3@v3.7.3 go.etcd.io/etcd/client/v3@v3.7.3
  GOFLAGS=-mod=mod timeout 600 go build -o finding .
} > build.log 2>&1 || { tail -n 20 build.log >&2; exit 2; }
timeout 90 ./finding > seen

cat > expected <<'TXT'
a read behind the put: 0
compare behind the put, stock = 0: false
compare behind the put, stock = 5: true
left in the store: 0
TXT
cat seen
diff expected seen > changes || { echo "it behaves otherwise now (<: before, >: now):"; cat changes; exit 1; }
