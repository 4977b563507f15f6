//! Whole lives of invitations: the real queue and the real journal, at the end of a link on which a test plays the server,
//! on a clock that stands still unless a test advances it.

mod fairness;
mod lead;
mod life;
mod memberships;
mod moments;
mod running;
mod scene;
mod world;
