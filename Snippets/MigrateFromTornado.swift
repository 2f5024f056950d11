// Tornado code and its counterpart: consumers of a queue, results as they come with a limit, a periodic call.

// snippet.hide
import Switchyard
import Synchronization

func fetch(_ url: String) -> Call<String> {
    Call(from: { Future<Void>.sleep(for: .milliseconds(url.count)).map { "<p>\(url)</p>" } })
}
// snippet.show

// snippet.consumers
//  async def worker():
//      async for url in q:
//          try:
//              print(await fetch(url))
//          finally:
//              q.task_done()
//
//  q = queues.Queue(maxsize=2)
//  for _ in range(2): IOLoop.current().spawn_callback(worker)
//  for url in urls: await q.put(url)
//  await q.join(timeout=timedelta(seconds=5))
func crawl(_ urls: [String]) async throws {
    let queue = try Queue<String>("urls", capacity: 2)
    for _ in 1...2 {
        Greenlet.spawn {
            while let url = try queue.waitNext() {  // ends when the queue is closed
                defer { try? queue.taskDone() }
                print(try fetch(url).wait())
            }
        }
    }
    for url in urls { try await queue.put(url).value }
    try await queue.join().timeout(.seconds(5)).value
    queue.close()
}
// snippet.end

// snippet.iterate
//  pages = gen.WaitIterator(**{url: fetch(url) for url in urls})
//  while not pages.done():
//      try:
//          print(pages.current_index, await gen.with_timeout(timedelta(seconds=2), pages.next()))
//      except Exception as error:
//          print(error)
func asTheyCome(_ urls: Set<String>) async throws {
    let calls = Dictionary(uniqueKeysWithValues: urls.map { url in (url, fetch(url)) })
    let pages = Future.asCompleted(calls)
    while true {
        do {
            guard let page = try await pages.next().timeout(.seconds(2)).value else { return }
            print(page.key, page.outcome)  // an error is an outcome
        } catch is TimedOut {
            print("nothing for two seconds")  // goes on, as there
        }
    }
}
// snippet.end

// snippet.periodic
//  pc = PeriodicCallback(tick, 10); pc.start(); …; pc.stop()
func ticks(on loop: IOLoop) async throws -> Int {
    let third = Promise<Void>()
    let count = Atomic(0)
    let ticking = try loop.every(.milliseconds(10)) {
        if count.add(1, ordering: .relaxed).newValue == 3 { third.succeed(()) }
    }
    try await third.future.value
    ticking.stop()
    return count.load(ordering: .relaxed)
}
// snippet.end

// snippet.hide
@main
enum MigrateFromTornado {
    static func main() async throws {
        try await crawl(["a", "bb", "ccc"])
        try await asTheyCome(["a", "bbbbb"])
        print(try await ticks(on: .shared) >= 3)
    }
}
