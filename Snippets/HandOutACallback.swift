// An async function for callers who bring a callback.

import Switchyard

// snippet.hide
struct NoSuchPage: Error {}

func page(_ name: String) async throws -> String {
    if name.isEmpty { throw NoSuchPage() }
    return "<p>\(name)</p>"
}
// snippet.show

// snippet.handOut
/// What the legacy caller sees: returns what takes the request back.
@discardableResult
func getPage(_ name: String, _ completion: @escaping @Sendable (String?, (any Error)?) -> Void) -> () -> Bool {
    let registration = Call(async: { try await page(name) }).callback(on: IOLoop.shared, as: .valueOrError, completion)
    return { registration.cancel() == .stopped }  // true: the completion will not be called
}
// snippet.end

// snippet.hide
@main
enum HandOutACallback {
    static func main() async throws {
        for name in ["a page", ""] {
            let call = Call<String>(callback: .valueOrError) { callback in getPage(name, callback) }
            do { print(try await call.value) } catch { print(error) }
        }
    }
}
