// Twisted code and its counterpart: a pipeline with a canceller, many requests with few at a time, a thread.

// snippet.hide
import Dispatch
import Switchyard

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
// snippet.show

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
        print(try await length(of: "a", on: .shared).value, try await length(of: "", on: .shared).value)
        print(try await total(["a", "bb", "ccc"], on: .shared).value)
        print(try await parsed("<p>a</p>", on: .shared).value)
    }
}
