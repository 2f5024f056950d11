// What would hold up all greenlets of a loop, and where to put it.

import Switchyard

// snippet.hide
#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif
// snippet.show

// snippet.offload
/// `access` blocks its thread as long as the disk takes: that is a thread of a pool, while the other greenlets run.
func exists(_ path: String) throws -> Bool {
    try Greenlet.offload { unsafe access(path, F_OK) == 0 }
}
// snippet.end

// snippet.compute
/// A computation that lets the others run now and then. Where it is long, offload it.
func checksum(_ bytes: [UInt8]) throws -> Int {
    var sum = 0
    for (index, byte) in bytes.enumerated() {
        sum = (sum &* 31 &+ Int(byte)) & 0xffff_ffff
        if index % 10_000 == 0 { try Greenlet.yield() }
    }
    return sum
}
// snippet.end

// snippet.timer
func withProgress<Result>(_ body: () throws -> Result) throws -> Result {
    // Called once on the loop, outside of greenlets, and not at all if this greenlet has ended by then.
    let timer = try Greenlet.schedule(after: .seconds(5)) { print("takes longer than five seconds") }
    defer { timer.cancel() }
    return try body()
}
// snippet.end

// snippet.hide
@main
enum KeepTheHubRunning {
    static func main() async throws {
        try await Greenlet.run {
            print(try exists("/"))
            print(try withProgress { try checksum(Array(repeating: 7, count: 50_000)) })
        }
    }
}
