// A C function with a callback and a context pointer, prepared once.

import Switchyard

// snippet.hide
typealias LegacyCallback = @convention(c) (_ sum: Int32, _ context: UnsafeMutableRawPointer?) -> Void

/// As C would export it: calls back once, unless it answers with a code that is not 0.
func legacy_add(_ a: Int32, _ b: Int32, _ callback: LegacyCallback, _ context: UnsafeMutableRawPointer?) -> Int32 {
    if a < 0 || b < 0 { return 22 }
    callback(a + b, context)
    return 0
}
// snippet.show

// snippet.wrap
struct LegacyError: Error { let code: Int32 }

func add(_ a: Int32, _ b: Int32) -> Call<Int> {
    Call { done in
        try done.passContext { context in
            let code = legacy_add(
                a,
                b,
                { sum, context in CallbackContext<Int>.take(context)?.succeed(Int(sum)) },
                context
            )
            // A call that was refused never comes: throwing gives the context back.
            if code != 0 { throw LegacyError(code: code) }
        }
    }
}
// snippet.end

// snippet.hide
@main
enum WrapACFunction {
    static func main() async throws {
        print(try await add(2, 3).value)
        do { print(try await add(-2, 3).value) } catch { print(error) }
    }
}
