//! The probe engine as a component, version 2: with a migration and block hooks that can be made to fail.

use probe_engine::NextProbe;

caldera_sdk::export!(NextProbe);
