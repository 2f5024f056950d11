// A C function with a callback and a context pointer, prepared once.

import Switchyard

// snippet.hide
typealias LoadCallback = @convention(c) (_ status: Int32, _ context: UnsafeMutableRawPointer?) -> Void

/// As C would export it: calls back once, unless it answers with a code that is not 0.
func c_load(_ name: String, _ callback: LoadCallback, _ context: UnsafeMutableRawPointer?) -> Int32 {
    if name.isEmpty { return 22 }
    callback(name == "missing" ? -2 : Int32(name.utf8.count), context)
    return 0
}

struct LoadFailed: Error { let code: Int32 }
// snippet.show

// snippet.wrap
func load(_ name: String) -> Call<Int> {
    Call { done in
        try done.passContext { context in
            let code = c_load(
                name,
                { status, context in  // a C function pointer: captures nothing
                    guard let done = CallbackContext<Int>.take(context) else { return }
                    if status < 0 { done.fail(LoadFailed(code: status)) } else { done.succeed(Int(status)) }
                },
                context
            )
            if code != 0 { throw LoadFailed(code: code) }  // refused: the callback never comes
        }
    }
}
// snippet.end

// snippet.hide
@main
enum WrapACFunction {
    static func main() async throws {
        print(try await load("something").value)
        for name in ["missing", ""] {
            do { print(try await load(name).value) } catch { print(error) }
        }
    }
}
