//! Fuel of each instruction: wasmtime's own table, corrected where one unit is far from the time it takes.
//!
//! wasmtime charges one unit for each instruction that generates code and one for each byte or element of a bulk
//! operation. What is a call into the runtime, a library function on the baseline processor, or a long division costs
//! more here, so that no instruction runs more than about three times longer per gas than ordinary code. The figures
//! come from `examples/measure.rs`; a change of them is a change of consensus (`METERING_VERSION`). Growing memory has
//! a price of its own in [`crate::memory`], because a page costs more than this table can hold.

use wasmtime::OperatorCost;

/// A call into the runtime that copies or fills, before its bytes.
const BULK: u8 = 40;
/// A call into the runtime that grows a memory or a table, before its pages or elements.
const GROW: u8 = 128;
/// One element of a table copied, filled or added: it may have to be made first.
const ELEMENT: u8 = 16;
/// Rounding of a float, a library call where the processor's baseline has no instruction for it.
const ROUND: u8 = 32;
/// Division of 64 bits.
const DIVIDE_64: u8 = 12;
/// Division of 32 bits, and counting set bits without an instruction for it.
const DIVIDE_32: u8 = 8;
/// Counting leading or trailing zeros.
const COUNT: u8 = 4;

/// The table.
pub(crate) fn table() -> OperatorCost {
    let mut cost = OperatorCost::new();
    for bulk in [
        &mut cost.MemoryCopy,
        &mut cost.MemoryFill,
        &mut cost.MemoryInit,
        &mut cost.TableCopy,
        &mut cost.TableFill,
        &mut cost.TableInit,
        &mut cost.DataDrop,
        &mut cost.ElemDrop,
    ] {
        *bulk = BULK;
    }
    (cost.MemoryGrow, cost.TableGrow) = (GROW, GROW);
    let variable = &mut cost.variable;
    for element in [
        &mut variable.table_copy_per_element,
        &mut variable.table_fill_per_element,
        &mut variable.table_init_per_element,
        &mut variable.table_grow_per_element,
    ] {
        *element = ELEMENT;
    }
    for round in [
        &mut cost.F32Ceil,
        &mut cost.F32Floor,
        &mut cost.F32Trunc,
        &mut cost.F32Nearest,
        &mut cost.F64Ceil,
        &mut cost.F64Floor,
        &mut cost.F64Trunc,
        &mut cost.F64Nearest,
    ] {
        *round = ROUND;
    }
    for divide in [&mut cost.I64DivS, &mut cost.I64DivU, &mut cost.I64RemS, &mut cost.I64RemU] {
        *divide = DIVIDE_64;
    }
    for divide in [
        &mut cost.I32DivS,
        &mut cost.I32DivU,
        &mut cost.I32RemS,
        &mut cost.I32RemU,
        &mut cost.I32Popcnt,
        &mut cost.I64Popcnt,
    ] {
        *divide = DIVIDE_32;
    }
    for count in [&mut cost.I32Clz, &mut cost.I32Ctz, &mut cost.I64Clz, &mut cost.I64Ctz] {
        *count = COUNT;
    }
    cost
}
