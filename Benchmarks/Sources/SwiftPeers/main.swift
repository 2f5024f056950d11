// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Measure

#if Peers
let rows = continuationRows + streamRows + signalRows + nioRows + asyncAlgorithmsRows
#else
let rows = continuationRows + streamRows + signalRows
#endif

Row.main(rows)
