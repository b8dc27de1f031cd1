//! Small contracts, by hand: they need no compiler.

use alloy_primitives::Address;

/// Init code that deploys `runtime`.
pub fn deployer(runtime: &[u8]) -> Vec<u8> {
    let len = u8::try_from(runtime.len()).unwrap();
    // PUSH1 len, DUP1, PUSH1 11, PUSH0, CODECOPY, PUSH0, RETURN, padded to 11 bytes by JUMPDESTs.
    [&[0x60, len, 0x80, 0x60, 0x0b, 0x5f, 0x39, 0x5f, 0xf3, 0x5b, 0x5b], runtime].concat()
}

/// A contract that passes its calldata on to `to` by `opcode` (CALL, CALLCODE, DELEGATECALL or STATICCALL), with the data that comes back and
/// fails when that fails.
pub fn relay(to: Address, opcode: u8) -> Vec<u8> {
    // CALLDATACOPY(0, 0, CALLDATASIZE); then the call's arguments from the last to the first.
    let mut code = vec![0x36, 0x5f, 0x5f, 0x37, 0x5f, 0x5f, 0x36, 0x5f];
    if matches!(opcode, 0xf1 | 0xf2) {
        code.push(0x5f);
    }
    code.push(0x73);
    code.extend_from_slice(to.as_slice());
    code.extend_from_slice(&[0x5a, opcode]);
    // RETURNDATACOPY(0, 0, RETURNDATASIZE); JUMPI to the return; REVERT or RETURN of all of it.
    code.extend_from_slice(&[0x3d, 0x5f, 0x5f, 0x3e]);
    let dest = u8::try_from(code.len() + 6).unwrap();
    code.extend_from_slice(&[0x60, dest, 0x57, 0x3d, 0x5f, 0xfd, 0x5b, 0x3d, 0x5f, 0xf3]);
    code
}
