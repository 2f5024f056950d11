// swift-tools-version: 6.2
import PackageDescription

// c-ares, whose sockets and time limits an IOLoop drives. Execute `run`: it installs, builds, and checks.
let package = Package(
    name: "c-ares-example",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "switchyard", path: "../.."),
        .package(name: "example-support", path: "../Support"),
    ],
    targets: [
        .systemLibrary(
            name: "CCares",
            pkgConfig: "libcares",
            providers: [.apt(["libc-ares-dev"]), .brew(["c-ares"])]
        ),
        .executableTarget(
            name: "CAresExample",
            dependencies: [
                "CCares",
                .product(name: "ExampleSupport", package: "example-support"),
                .product(name: "Switchyard", package: "switchyard"),
            ]
        ),
    ]
)
