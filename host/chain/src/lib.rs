//! One chain at work: pool, block building, commit and replay; the only writer of its state.
