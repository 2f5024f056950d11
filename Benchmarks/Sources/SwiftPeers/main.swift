// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Measure

#if Peers
let rows = continuationRows + nioRows
#else
let rows = continuationRows
#endif

Row.main(rows)
