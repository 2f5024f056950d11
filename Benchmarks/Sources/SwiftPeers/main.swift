// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Measure

#if Peers
let rows = continuationRows + streamRows + nioRows + asyncAlgorithmsRows
#else
let rows = continuationRows + streamRows
#endif

Row.main(rows)
