// swift-tools-version: 6.2
import PackageDescription

// Takes everything, by its one import.
let package = Package(
    name: "switchyard-consumer",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "switchyard", path: "../..")],
    targets: [
        .executableTarget(
            name: "SwitchyardConsumer",
            dependencies: [.product(name: "Switchyard", package: "switchyard")]
        )
    ]
)
