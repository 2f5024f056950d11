// A command-line program whose main thread blocks, and that Ctrl-C interrupts.

import Switchyard

// snippet.hide
/// Takes for ever.
func work() -> Call<String> {
    Call("the long work") { done in
        let forgotten = Future<Void>.sleep(for: .seconds(1_000_000)).observe { _ in done.succeed("done") }
        done.onCancel { forgotten.cancel() }
    }
}
// snippet.show

// snippet.main
@main
enum InterruptAWait {
    static func main() {
        print("waiting; Ctrl-C ends it")
        do { print(try work().wait(interruptedBy: .interrupt, timeout: .seconds(60))) } catch {
            print(error)  // Interrupted: SIGINT came while …; the run is cancelled
        }
    }
}
// snippet.end
