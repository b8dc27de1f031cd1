//! Rows under named columns, each as wide as its widest cell.

use std::fmt;

/// How a column is aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Figures.
    Right,
}

/// An aligned table. Every row has a cell for each column.
#[derive(Clone, Debug)]
pub struct Table<const N: usize> {
    columns: [(&'static str, Align); N],
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    /// An empty table. When all names are empty, no header is printed.
    pub fn new(columns: [(&'static str, Align); N]) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells);
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn widths(&self) -> [usize; N] {
        std::array::from_fn(|column| {
            let cells = self.rows.iter().map(|row| row[column].chars().count());
            cells.chain([self.columns[column].0.chars().count()]).max().unwrap_or(0)
        })
    }
}

impl<const N: usize> fmt::Display for Table<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        let header = self.columns.map(|(name, _)| name.to_owned());
        let header = header.iter().any(|name| !name.is_empty()).then_some(&header);
        for row in header.into_iter().chain(&self.rows) {
            let cells = row.iter().zip(&self.columns).zip(&widths).map(|((cell, (_, align)), width)| match align {
                Align::Left => format!("{cell:<width$}"),
                Align::Right => format!("{cell:>width$}"),
            });
            writeln!(f, "  {}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new([("name", Align::Left), ("gas", Align::Right)]);
        table.row(["a".into(), "12".into()]);
        table.row(["bcdef".into(), "3".into()]);
        assert_eq!(table.to_string(), "  name   gas\n  a       12\n  bcdef    3\n");
    }

    #[test]
    fn nameless_columns_have_no_header() {
        let mut table = Table::new([("", Align::Left), ("", Align::Left)]);
        table.row(["http".into(), "127.0.0.1".into()]);
        assert_eq!(table.to_string(), "  http  127.0.0.1\n");
    }
}
