//! The binary: hands over to the command line, nothing else.

/// Invitations are many small strings, made by one thread and dropped by another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    muc_invite_relay::cli::main()
}
