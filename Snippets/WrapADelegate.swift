// A delegate with several methods, wrapped once.

// snippet.hide
import Dispatch
import Switchyard

protocol ScannerDelegate: AnyObject, Sendable {
    func scanner(_ scanner: Scanner, didScanPage number: Int)
    func scanner(_ scanner: Scanner, didFinishWith document: String)
    func scanner(_ scanner: Scanner, didFailWith error: any Error)
    func scannerDidCancel(_ scanner: Scanner)
}

/// Legacy: refers to its delegate weakly, and calls it on a queue of its own.
final class Scanner: @unchecked Sendable {  // SAFETY: the queue is serial, and all happens on it.
    private let queue = DispatchQueue(label: "scanner")
    private weak var delegate: (any ScannerDelegate)?
    private var isStopped = false

    init(delegate: any ScannerDelegate) { self.delegate = delegate }

    func start(pages: Int) {
        queue.async { [self] in
            for page in 1...pages where !isStopped { delegate?.scanner(self, didScanPage: page) }
            if !isStopped { delegate?.scanner(self, didFinishWith: "a document of \(pages) pages") }
        }
    }

    func stop() { queue.async { self.isStopped = true } }
}
// snippet.show

// snippet.delegate
final class ScanDelegate: ScannerDelegate {
    private let done: DelegatePromise<String>
    private let progress: @Sendable (Int) -> Void

    init(_ done: DelegatePromise<String>, on loop: IOLoop, progress: @escaping @Sendable (Int) -> Void) {
        self.done = done
        self.progress = done.repeated(on: loop, progress)
    }

    func scanner(_ scanner: Scanner, didScanPage number: Int) { progress(number) }  // any number of times
    func scanner(_ scanner: Scanner, didFinishWith document: String) { done.succeed(document) }
    func scanner(_ scanner: Scanner, didFailWith error: any Error) { done.fail(error) }
    func scannerDidCancel(_ scanner: Scanner) { done.cancel() }
}
// snippet.end

// snippet.wrap
func scan(pages: Int, on loop: IOLoop, progress: @escaping @Sendable (Int) -> Void) -> Call<String> {
    Call(on: loop, delegate: { ScanDelegate($0, on: loop, progress: progress) }) { delegate in
        let scanner = Scanner(delegate: delegate)
        scanner.start(pages: pages)
        return scanner  // kept, with the delegate, until the outcome
    } cancel: { scanner in
        scanner.stop()
    }
}
// snippet.end

// snippet.hide
@main
enum WrapADelegate {
    static func main() async throws {
        print(try await scan(pages: 3, on: .shared, progress: { print("page \($0)") }).value)
    }
}
