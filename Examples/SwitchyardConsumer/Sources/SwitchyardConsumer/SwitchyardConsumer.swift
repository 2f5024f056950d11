// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

// Foundation and Dispatch beside the one import: no name of the three gets in another's way.
import Dispatch
import Foundation
import Switchyard

/// A legacy function of the shape `(T?, Error?)`, on a queue of its own.
func legacyRead(_ path: String, _ completion: @escaping @Sendable (String?, (any Error)?) -> Void) {
    DispatchQueue.global().async {
        do {
            completion(try String(contentsOf: URL(fileURLWithPath: path), encoding: .utf8), nil)
        } catch {
            completion(nil, error)
        }
    }
}

/// The function, prepared once.
func read(_ path: String) -> Call<String> {
    Call { done in legacyRead(path) { text, error in done.complete(text, error: error) } }
}

@main
enum SwitchyardConsumer {
    static func main() async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("switchyard-\(UUID())").path
        try "one file, every style".write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }

        let future: Future<String> = read(path).future()
        let promise = Promise<String>()
        read(path).callback { outcome in promise.complete(with: outcome) }
        let greenlet = Greenlet.spawn { try read(path).wait() }
        let texts = [
            try await future.value,
            try await promise.future.value,
            try await greenlet.value,
            try await Greenlet.run { try read(path).wait() },
            try await read(path).value,
        ]
        precondition(texts.allSatisfy { $0 == "one file, every style" })
        print("SwitchyardConsumer: \(texts.count) styles, one text")
    }
}
