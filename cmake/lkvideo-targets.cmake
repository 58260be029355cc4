# SPDX-License-Identifier: Apache-2.0
#
# The targets lkvideo::lkvideo (shared) and lkvideo::lkvideo_static, for the build tree and for an installed prefix alike.
# Wants lkvideo_include_dir, lkvideo_shared_library, lkvideo_static_library, lkvideo_soname, and Threads::Threads.

if(NOT TARGET lkvideo::lkvideo)
    add_library(lkvideo::lkvideo SHARED IMPORTED GLOBAL)
    set_target_properties(lkvideo::lkvideo PROPERTIES
        IMPORTED_LOCATION ${lkvideo_shared_library}
        IMPORTED_SONAME ${lkvideo_soname}
        INTERFACE_INCLUDE_DIRECTORIES ${lkvideo_include_dir})
endif()

if(NOT TARGET lkvideo::lkvideo_static AND EXISTS ${lkvideo_static_library})
    add_library(lkvideo::lkvideo_static STATIC IMPORTED GLOBAL)
    # What `rustc --print native-static-libs` names, without what every C program has.
    set(lkvideo_system_libraries Threads::Threads ${CMAKE_DL_LIBS} m)
    if(APPLE)
        list(APPEND lkvideo_system_libraries "-framework CoreFoundation" "-framework Security" iconv)
    else()
        list(APPEND lkvideo_system_libraries rt util gcc_s)
    endif()
    set_target_properties(lkvideo::lkvideo_static PROPERTIES
        IMPORTED_LOCATION ${lkvideo_static_library}
        INTERFACE_INCLUDE_DIRECTORIES ${lkvideo_include_dir}
        INTERFACE_LINK_LIBRARIES "${lkvideo_system_libraries}")
endif()
