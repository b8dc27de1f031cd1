//! The probe engine as a component, version 1.

caldera_sdk::export!(probe_engine::Probe);
