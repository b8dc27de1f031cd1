//! The probe engine as a component, version 1.

use probe_engine::Probe;

caldera_sdk::export!(Probe);
