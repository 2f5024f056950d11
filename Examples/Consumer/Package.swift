// swift-tools-version: 6.2
import PackageDescription

// Takes the one product that needs nothing but the toolchain: no libevent, no assembly, no other package.
let package = Package(
    name: "consumer",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "switchyard", path: "../..")],
    targets: [
        .executableTarget(name: "Consumer", dependencies: [.product(name: "Futures", package: "switchyard")])
    ]
)
