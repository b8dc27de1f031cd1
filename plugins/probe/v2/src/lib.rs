//! The probe engine as a component, version 2: with a migration and block hooks that can be made to fail.

caldera_sdk::export!(probe_engine::NextProbe);
