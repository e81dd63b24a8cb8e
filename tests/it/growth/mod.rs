//! What keeps the tables from growing with time: one leader, partitions, batches (architecture.md, decision H; STO-15, PRV-03).

mod leaders;
mod partitions;
mod sweep;
