// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Measure

let arguments = CommandLine.arguments
if arguments.count == 3, arguments[1] == "hello", let port = UInt16(arguments[2]) {
    try serveHello(port: port)
} else {
    Row.main(futureRows + awaitRows + greenletRows + queueRows + bridgeRows + signalRows)
}
