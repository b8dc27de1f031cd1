//! The probe engine as a component that diverges from version 1: what a shadow must find.

caldera_sdk::export!(probe_engine::OddProbe);
