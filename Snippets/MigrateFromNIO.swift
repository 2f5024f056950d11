// Futures of SwiftNIO and their counterpart: a promise, a chain with a hop, and a task.

// snippet.hide
import Dispatch
import Switchyard

struct NotFound: Error {}

func legacyLookUp(_ key: String, _ completion: @escaping @Sendable (Result<Int, any Error>) -> Void) {
    DispatchQueue.global().async { completion(key.isEmpty ? .failure(NotFound()) : .success(key.count)) }
}
// snippet.show

// snippet.promise
//  let promise = eventLoop.makePromise(of: Int.self)
//  legacyLookUp(key) { result in promise.completeWith(result) }
//  return promise.futureResult
func lookUp(_ key: String) -> Future<Int> {
    let promise = Promise<Int>("look up \(key)")
    legacyLookUp(key) { result in promise.complete(with: result) }
    return promise.future
}
// snippet.end

// snippet.chain
//  lookUp(key)
//      .flatMap { id in load(id) }
//      .flatMapError { _ in eventLoop.makeSucceededFuture("nothing") }
//      .hop(to: eventLoop)
//      .whenComplete { result in … }
func load(_ id: Int) -> Future<String> { Future { "row \(id)" } }  // makeFutureWithTask

func row(_ key: String, on loop: IOLoop) -> Future<String> {
    lookUp(key)
        .flatMap { id in load(id) }
        .recover { _ in "nothing" }
        .delivered(on: loop)  // what follows runs on the loop's thread
}
// snippet.end

// snippet.together
//  EventLoopFuture.whenAllSucceed(keys.map { lookUp($0) }, on: eventLoop).wait()
func sum(_ keys: [String]) throws -> Int {
    try Future.all(keys.map { key in lookUp(key) }).wait(timeout: .seconds(5)).reduce(0, +)
}
// snippet.end

// snippet.hide
@main
enum MigrateFromNIO {
    static func main() async throws {
        print(try await row("abc", on: .shared).value, try await row("", on: .shared).value)
        print(try await Greenlet.run { try sum(["a", "bb"]) })
    }
}
