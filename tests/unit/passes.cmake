if(TARGET nlm_passes)
  nlm_unit_test(test_passes LIBS nlm_passes nlm_reference SOURCES small_model.c run_model.c)
  nlm_unit_test(test_memory_plan LIBS nlm_support)
endif()
