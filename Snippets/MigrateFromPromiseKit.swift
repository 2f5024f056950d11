// PromiseKit code and its counterpart: a chain that ends on the main queue, and a wrapped completion handler.

// snippet.hide
import Dispatch
import Switchyard

struct User: Sendable { let name: String }
struct NoAvatar: Error {}

func legacyLogin(_ name: String, _ completion: @escaping @Sendable (User?, (any Error)?) -> Void) {
    DispatchQueue.global().async { completion(User(name: name), nil) }
}

func avatar(of user: User) -> Call<String> {
    Call { done in if user.name.isEmpty { done.fail(NoAvatar()) } else { done.succeed("portrait of \(user.name)") } }
}
// snippet.show

// snippet.wrap
//  func login(_ name: String) -> Promise<User> { Promise { seal in legacyLogin(name, seal.resolve) } }
func login(_ name: String) -> Call<User> {
    Call { done in legacyLogin(name, done.valueOrErrorCallback()) }
}
// snippet.end

// snippet.executor
/// PromiseKit's handlers run on the main queue. Here an executor is named; a dispatch queue becomes one in a line.
struct OnQueue: CallbackExecutor {
    let queue: DispatchQueue
    func post(_ work: @escaping @Sendable () -> Void) { queue.async(execute: work) }
}
// snippet.end

// snippet.chain
//  firstly { login(name) }
//      .then { user in avatar(of: user) }
//      .recover { error -> Promise<String> in
//          guard error is NoAvatar else { throw error }
//          return .value("nobody")
//      }
//      .ensure { spinner.stop() }
//      .done { image in show(image) }
//      .catch { error in alert(error) }
@discardableResult
func load(_ name: String, on queue: DispatchQueue, _ show: @escaping @Sendable (String) -> Void) -> Registration {
    login(name)
        .flatMap { user in avatar(of: user) }
        .future()
        .recover { error in
            guard error is NoAvatar else { throw error }
            return "nobody"
        }
        .ensure { print("spinner stopped") }
        .callback(on: OnQueue(queue: queue)) { outcome in
            switch outcome {
            case .success(let image): show(image)
            case .failure(let error): print(error)
            }
        }
}
// snippet.end

// snippet.when
//  when(fulfilled: login("a"), login("b"))      when(resolved: logins)      race(fulfilled: logins)
func several() async throws {
    let (first, second) = try await Future.all(login("a"), login("b")).value
    let outcomes = try await Future.allSettled([login("c"), login("d")]).value
    let fastest = try await Future.any([login("e"), login("f")]).value
    print(first.name, second.name, outcomes.count, fastest.name)
}
// snippet.end

// snippet.hide
@main
enum MigrateFromPromiseKit {
    static func main() async throws {
        let shown = Promise<String>()
        load("me", on: .global()) { image in shown.succeed(image) }
        load("", on: .global()) { image in print(image) }
        print(try await shown.future.value)
        try await several()
    }
}
