//! The rules of multilateral netting and the default waterfall, shared by the versions of the clearing engine.
