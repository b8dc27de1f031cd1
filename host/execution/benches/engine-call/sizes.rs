//! Components of a given size: code that nothing calls, and data.

use caldera_types::Component;
use guest::Guest;

#[allow(dead_code, reason = "the tests of the runtime use all of it")]
#[path = "../../../engine/tests/support/guest.rs"]
mod guest;

/// Bytes of a function of the filling, and how many make room for one of data.
const FUNCTION_BYTES: usize = 256;
const DATA_SHARE: usize = 10;

/// An engine that echoes, of about so many bytes: nine tenths code, one tenth data.
pub fn component(bytes: usize) -> Component {
    let (small, again) = (echo(String::new(), 1), 3);
    let mut filling = bytes.saturating_sub(small.bytes().len());
    // What is around the code (types, names, the length of sections) is found by trying.
    for _ in 0..again {
        let is = filled(filling).bytes().len();
        filling = (filling + bytes).saturating_sub(is);
    }
    filled(filling).component()
}

/// The least that a component can be: it imports nothing.
pub fn least() -> Component {
    Guest::default().component()
}

fn filled(bytes: usize) -> Guest {
    let data = bytes / DATA_SHARE;
    let round =
        "(local.set 0 (i64.add (i64.mul (local.get 0) (i64.const 0x5851f42d4c957f2d)) (i64.const 0x14057b7ef767814f)))";
    // A round is 28 bytes of code.
    let body = round.repeat(FUNCTION_BYTES / 28);
    let function = format!("(func (param i64) (result i64) {body} (local.get 0))");
    let text = "d".repeat(data);
    let extra = format!("{} (data (i32.const 65536) \"{text}\")", function.repeat((bytes - data) / FUNCTION_BYTES));
    echo(extra, 2 + data / 65_536)
}

fn echo(extra: String, pages: usize) -> Guest {
    Guest { memory: pages.to_string(), extra, ..Guest::calling("(call $ok (local.get $in) (local.get $len))") }
}
