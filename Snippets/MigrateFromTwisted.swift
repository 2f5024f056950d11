// Twisted code and its counterpart: state, one thread, a pipeline with a canceller, few requests at a time.

// snippet.hide
import Dispatch
import Switchyard
import Synchronization

struct NoAnswer: Error {}

final class LegacyRequest: Sendable {
    let url: String

    init(_ url: String) { self.url = url }

    func start(_ completion: @escaping @Sendable (String?) -> Void) {
        DispatchQueue.global().async { completion(self.url.isEmpty ? nil : "<p>\(self.url)</p>") }
    }

    func stop() {}
}

func parseSlowly(_ page: String) -> Int { page.count }

func fetch(_ url: String) -> Call<String> { Call(from: { get(url) }) }
// snippet.show

// snippet.state
//  class Pages:
//      def __init__(self):
//          self.cache = {}
//
//      def page(self, url):
//          if url in self.cache:
//              return succeed(self.cache[url])
//          return get(url).addCallback(self.keep, url)
//
//      def keep(self, page, url):
//          self.cache[url] = page
//          return page
final class Pages: Sendable {
    private let cache = Mutex<[String: String]>([:])

    func page(_ url: String) -> Deferred<String> {
        if let page = cache.withLock({ $0[url] }) { return .succeed(page) }
        return get(url).addCallback { page in self.keep(page, url) }
    }

    private func keep(_ page: String, _ url: String) -> String {
        cache.withLock { $0[url] = page }
        return page
    }
}
// snippet.end

// snippet.loop
func onTheLoop(_ url: String, on loop: IOLoop) -> Future<String> {
    loop.start {  // builds the pipeline on the loop
        fetch(url).on(loop).deferred()  // fires it there
            .addCallback { page in
                loop.preconditionIsolated()
                return page + "!"
            }
    }
}
// snippet.end

// snippet.source
//  def get(url):
//      request = Request(url)
//      d = Deferred(lambda d: request.stop())
//      request.start(lambda body: d.callback(body) if body else d.errback(NoAnswer()))
//      return d
func get(_ url: String) -> Deferred<String> {
    let request = LegacyRequest(url)
    let page = Deferred<String> { _ in request.stop() }  // the canceller
    request.start { body in
        if let body { try? page.callback(body) } else { try? page.errback(NoAnswer()) }
    }
    return page
}
// snippet.end

// snippet.pipeline
//  d = get(url)
//  d.addCallback(len)
//  d.addErrback(lambda failure: failure.trap(NoAnswer) and 0)
//  d.addTimeout(5, reactor)
func length(of url: String, on loop: IOLoop) -> Deferred<Int> {
    get(url)
        .then { page in page.count }  // another type: a new Deferred
        .addErrback { error in
            guard error is NoAnswer else { throw error }  // Failure.trap
            return 0
        }
        .addTimeout(.seconds(5), on: loop)
}
// snippet.end

// snippet.limited
//  tokens = DeferredSemaphore(2)
//  @inlineCallbacks
//  def total(urls):
//      lengths = yield gatherResults([tokens.run(length, url) for url in urls])
//      yield deferLater(reactor, 0.01, lambda: None)
//      return sum(lengths)
func total(_ urls: [String], on loop: IOLoop) throws -> Deferred<Int> {
    let tokens = try DeferredSemaphore(tokens: 2)
    return Deferred.inlineCallbacks {
        let lengths = try await Deferred.gatherResults(
            urls.map { url in tokens.run { length(of: url, on: loop) } }
        ).value
        try await Future<Void>.sleep(for: .milliseconds(10), on: loop).deferred().value
        return lengths.reduce(0, +)
    }
}
// snippet.end

// snippet.thread
//  d = deferToThread(parse_slowly, page)
func parsed(_ page: String, on loop: IOLoop) -> Deferred<Int> {
    loop.runInExecutor { parseSlowly(page) }.deferred()
}
// snippet.end

// snippet.hide
@main
enum MigrateFromTwisted {
    static func main() async throws {
        let pages = Pages()
        print(try await pages.page("a").value == pages.page("a").value, try await onTheLoop("b", on: .shared).value)
        print(try await length(of: "a", on: .shared).value, try await length(of: "", on: .shared).value)
        print(try await total(["a", "bb", "ccc"], on: .shared).value)
        print(try await parsed("<p>a</p>", on: .shared).value)
    }
}
