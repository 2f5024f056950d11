// Task-locals that survive a completion.

// snippet.hide
import Dispatch
import Switchyard

func fetch(_ url: String) -> Call<String> {
    Call { done in DispatchQueue.global().async { done.succeed("<p>\(url)</p>") } }
}
// snippet.show

// snippet.locals
enum Trace {
    @TaskLocal static var id = "none"
}
// snippet.end

// snippet.completion
func logged(_ url: String) -> Future<Void> {
    let here = ContextSnapshot(Trace.$id)  // what is bound where the caller stands
    return fetch(url).inContext(here).future().map { page in
        print(Trace.id, page)  // the caller's, whoever's thread this is
    }
}
// snippet.end

// snippet.closure
func elsewhere(_ work: @escaping @Sendable () -> Void) {
    let here = ContextSnapshot(Trace.$id)
    DispatchQueue.global().async { here { work() } }
}
// snippet.end

// snippet.hide
@main
enum CarryTaskLocals {
    static func main() async throws {
        let done = Promise<String>()
        try await Trace.$id.withValue("request 7") {
            elsewhere { done.succeed(Trace.id) }
            try await logged("a").value
        }
        print(try await done.future.value)
    }
}
