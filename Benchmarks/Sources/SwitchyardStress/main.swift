// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

// `switchyard-stress WORK COUNT` does a large piece of work once, and prints what it took, a name and a figure a line.
// Scripts/stress runs it, and judges.
import Measure

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

let works: [String: (Int) throws -> [(String, Double)]] = [
    "spawn-join": spawnAndJoin,
    "parked": parkMany,
    "fibers": makeFibers,
]

func complain(_ line: String) {
    let line = line + "\n"
    _ = write(2, line, line.utf8.count)
}

let arguments = CommandLine.arguments
guard arguments.count == 3, let work = works[arguments[1]], let count = Int(arguments[2]), count >= 10 else {
    complain("usage: \(arguments[0]) WORK COUNT, with COUNT 10 or more and WORK one of: \(works.keys.sorted())")
    exit(2)
}
do {
    for (name, figure) in try work(count) { print(name, figure) }
} catch {
    complain("\(arguments[1]): \(error)")
    exit(1)
}
