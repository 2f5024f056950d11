// Programs of greenlet, gevent, eventlet and Stackless and their counterparts.

import Switchyard

// snippet.hide
func fetch(_ url: String) -> Call<String> { Call(from: { Future<Void>.sleep(for: .milliseconds(1)).map { url } }) }
// snippet.show

// snippet.greenlet
//  def consumer():                       # greenlet
//      total = 0
//      while True:
//          item = main.switch(total)
//          if item is None: return total
//          total += item
//  main = greenlet.getcurrent()
//  g = greenlet.greenlet(consumer); g.switch(); g.switch(3); g.switch(4); g.switch(None)
func total() throws -> Int {
    let main = Fiber<Int?>.current  // one type for all messages
    let consumer = Fiber<Int?> { _ in
        var total = 0
        while let item = try main.switch(total) { total += item }
        return total
    }
    try consumer.switch(nil)
    try consumer.switch(3)
    try consumer.switch(4)
    return try consumer.switch(nil) ?? 0
}
// snippet.end

// snippet.gevent
//  pool = gevent.pool.Pool(10)           # gevent
//  with gevent.Timeout(30):
//      jobs = [pool.spawn(fetch, url) for url in urls]
//      gevent.joinall(jobs, raise_error=True)
//  return [job.value for job in jobs]
func pages(_ urls: [String]) throws -> [String] {
    let pool = try GreenletPool(size: 10)
    return try Greenlet.withTimeout(.seconds(30)) { _ in
        let jobs = try urls.map { url in try pool.spawn { try fetch(url).wait() } }
        try Greenlet.joinAll(jobs, throwing: true)
        return try jobs.map { try $0.wait() }  // all are there: returns at once
    }
}
// snippet.end

// snippet.eventlet
//  pool = eventlet.GreenPool(20)         # eventlet
//  for page in pool.imap(fetch, urls):
//      print(page)
//  eventlet.spawn_after(5, report)
func printAll(_ urls: [String]) throws {
    let pages = try GreenletPool(size: 20).imap(urls, buffered: 20) { url in try fetch(url).wait() }
    while let page = try pages.waitNext() { print(page) }
    Greenlet.spawnLater(.seconds(5)) { print("report") }
}
// snippet.end

// snippet.stackless
//  def ping():                           # Stackless
//      while ping_channel.receive():
//          pong_channel.send("pong")
//  stackless.tasklet(ping)()
//  ping_channel.send(True); print(pong_channel.receive()); ping_channel.send(False)
//  stackless.run()
func pingPong() throws {
    let (ping, pong) = (Channel<Bool>("ping"), Channel<String>("pong"))
    let player = Greenlet.spawn {
        while try ping.receive().wait() { try pong.send("pong").wait() }
    }
    try ping.send(true).wait()
    print(try pong.receive().wait())
    try ping.send(false).wait()
    try player.join()
}
// snippet.end

// snippet.hide
@main
enum MigrateFromGreenlets {
    static func main() async throws {
        print(try total())
        try await Greenlet.run {
            print(try pages(["a", "b", "c"]))
            try printAll(["a", "b", "c"])
            try pingPong()
        }
    }
}
